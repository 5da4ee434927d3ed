package awsconfig

import "os"

// variablePattern is a variable to Python's expandvars.
const variablePattern = `\$\w+|\$\{[^}]*\}|%[^%]+%`

// onlyOurs refuses nothing: a new file has the directory's access list, as the
// old one had.
func onlyOurs(os.FileInfo) error { return nil }
