//go:build unix

package commandline

// What is so on this system.
const (
	Here = POSIX // the shell of this system
	Exe  = ""    // ends the file name of a program
)

// Fold gives a variable's name the spelling of its kin: Unix knows case.
func Fold(name string) string { return name }
