// Package kubenode names the Kubernetes commands of the tests' node, so that go.mod pins them.

//go:build tools

package kubenode

import (
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
