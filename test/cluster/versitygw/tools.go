// Package versitygw names the S3 server that the tests run, so that go.mod pins it.

//go:build tools

package versitygw

import _ "github.com/versity/versitygw/cmd/versitygw"
