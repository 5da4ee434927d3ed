package main

// Exit codes are a promise to scripts, so the tests have their own.
const (
	exitOther       = 1
	exitUsage       = 2
	exitLogin       = 3
	exitDenied      = 4
	exitUnavailable = 5
	exitStorage     = 6
)
