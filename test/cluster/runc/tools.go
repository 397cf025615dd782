// Package runc names the container starter of the tests' node, so that go.mod pins them.

//go:build tools

package runc

import (
	_ "github.com/opencontainers/runc"
)
