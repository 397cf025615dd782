// Package etcd names the etcd server that the tests run, so that go.mod pins it.

//go:build tools

package etcd

import _ "go.etcd.io/etcd/server/v3"
