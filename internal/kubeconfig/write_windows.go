package kubeconfig

import (
	"io/fs"
	"os"
)

func isReadOnly(error) bool                     { return false }
func isBusy(error) bool                         { return false }
func links(fs.FileInfo) uint64                  { return 1 }
func keepOwner(_ *os.File, _ fs.FileInfo) error { return nil }
