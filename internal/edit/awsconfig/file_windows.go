package awsconfig

import "os"

// onlyOurs refuses nothing: a new file has the directory's access list, as the
// old one had.
func onlyOurs(os.FileInfo) error { return nil }
