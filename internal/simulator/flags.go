package simulator

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// AddFlags lets flags fill in what can be said in one, with defaults for a
// service that answers quickly and knows every data set.
func (cfg *Config) AddFlags(flags *flag.FlagSet) {
	flags.StringVar(&cfg.AccessKey, "access-key", "SIMULATOR", "access key that is accepted")
	flags.StringVar(&cfg.SecretKey, "secret-key", "simulator-secret", "its secret key")
	flags.StringVar(&cfg.SecurityToken, "security-token", "", "its security token, which makes it a temporary key")
	flags.StringVar(&cfg.Token, "token", "", "IAM token that is accepted")
	flags.StringVar(&cfg.Project, "project", "", "project that the credentials belong to (default any)")
	flags.DurationVar(&cfg.TaskDuration, "task-duration", 5*time.Second, "how long a task takes; 0: until it is ended over the control port")
	flags.DurationVar(&cfg.Latency, "latency", 0, "time that passes before a request is looked at")
	flags.StringVar(&cfg.Answer, "answer", AnswerTaskID, "body of an accepted start: task-id or empty")
	flags.StringVar(&cfg.Status, "status", StatusFull, "how much a status answer tells: full or sparse")
	flags.Func("dataset", "data set that exists, as `ID[:type[:state]]`; repeatable (default any id, of images)", func(text string) error {
		d, err := ParseDataset(text)
		cfg.Datasets = append(cfg.Datasets, d)
		return err
	})
}

// Open returns a service like New whose ledger is appended to the file at
// path. What the file holds already is taken in, so that a service that was
// killed goes on. The caller closes the file at the end. An empty path means
// no file.
func Open(cfg Config, path string) (*Simulator, io.Closer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, nil, err
	}
	if path == "" {
		return New(cfg), io.NopCloser(nil), nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // The path is the flag of whoever runs this.
	if err != nil {
		return nil, nil, fmt.Errorf("open the ledger: %w", err)
	}
	cfg.Ledger = file
	s := New(cfg)
	if err := s.Reload(file); err != nil {
		_ = file.Close() // nothing was written
		return nil, nil, err
	}
	return s, file, nil
}
