package invariants

import "strings"

// checkSecrets: V10.
func (c *checker) checkSecrets() {
	for _, canary := range c.Canaries {
		for where, text := range c.Texts {
			if strings.Contains(text, canary) {
				c.fail("V10", where, "the secret %s… is in it", canary[:min(len(canary), 4)])
			}
		}
		for _, l := range c.lives {
			c.checkStatusSecret(l, canary)
		}
	}
}

func (c *checker) checkStatusSecret(l *life, canary string) {
	for i := range l.Versions {
		for name, text := range texts(&l.Versions[i].Status) {
			if strings.Contains(text, canary) {
				c.fail("V10", l.name(), "the secret %s… is in %s of version %d", canary[:min(len(canary), 4)], name, i)
			}
		}
	}
}
