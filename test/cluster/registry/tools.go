// Package registry names the image registry of the tests' node, so that go.mod pins them.

//go:build tools

package registry

import (
	_ "github.com/google/go-containerregistry/cmd/crane"
	_ "github.com/google/go-containerregistry/cmd/registry"
)
