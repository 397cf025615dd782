// Package nats names the NATS server that the tests run, so that go.mod pins it.

//go:build tools

package nats

import _ "github.com/nats-io/nats-server/v2"
