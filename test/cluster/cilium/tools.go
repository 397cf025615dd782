// Package cilium names the network of the tests' node, so that go.mod pins them.

//go:build tools

package cilium

import (
	_ "github.com/cilium/cilium/daemon"
	_ "github.com/cilium/cilium/plugins/cilium-cni"
)
