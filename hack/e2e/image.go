package main

import (
	"fmt"
	"strings"
)

// image is a reference to an image, in the parts that kustomize and Helm want:
// either tag or digest is set.
type image struct {
	repository, tag, digest string
}

// parseImage takes a reference apart. Without tag and digest it means "latest".
func parseImage(reference string) (image, error) {
	if repository, digest, ok := strings.Cut(reference, "@"); ok {
		return image{repository: repository, digest: digest}, nil
	}
	repository, tag := reference, "latest"
	// A colon before the last slash belongs to a port.
	if i := strings.LastIndex(reference, ":"); i > strings.LastIndex(reference, "/") {
		repository, tag = reference[:i], reference[i+1:]
	}
	if repository == "" || tag == "" {
		return image{}, fmt.Errorf("%q is no image", reference)
	}
	return image{repository: repository, tag: tag}, nil
}

// parseImages takes two references apart, which must differ: else nothing would
// be rolled out.
func parseImages(first, next string) ([2]image, error) {
	a, err := parseImage(first)
	if err != nil {
		return [2]image{}, err
	}
	b, err := parseImage(next)
	if err != nil {
		return [2]image{}, err
	}
	if a == b {
		return [2]image{}, fmt.Errorf("%s and %s are the same image: give one of them another tag", a, b)
	}
	return [2]image{a, b}, nil
}

// String is the reference as a pod has it.
func (i image) String() string {
	if i.digest != "" {
		return i.repository + "@" + i.digest
	}
	return i.repository + ":" + i.tag
}
