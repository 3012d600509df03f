//go:build !cgo

package main

func startCgo() {}

var runningCgo []func()

const foreignThreads = 0
