package commandline

import "strings"

// What is so on this system.
const (
	Here = Windows // the shells of this system
	Exe  = ".exe"  // ends the file name of a program
)

// Fold gives a variable's name the spelling of its kin: Windows knows no case.
func Fold(name string) string { return strings.ToUpper(name) }
