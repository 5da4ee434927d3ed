package commandline

import "strings"

// Here are the shells of this system; Exe ends the file name of a program.
const Here, Exe = Windows, ".exe"

// Fold gives a variable's name the spelling of its kin: Windows knows no case.
func Fold(name string) string { return strings.ToUpper(name) }
