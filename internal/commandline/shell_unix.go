//go:build unix

package commandline

// Here is the shell of this system; Exe ends the file name of a program.
const Here, Exe = POSIX, ""

// Fold gives a variable's name the spelling of its kin: Unix knows case.
func Fold(name string) string { return name }
