package answers

import "os"

// On Windows nothing is remembered: who may change a file is not in what os tells of it.

func IDOf(*os.File) (ID, bool) { return ID{}, false }

func Self() (ID, bool) { return ID{}, false }

func Lookup([]string, []string, int64) ([]byte, bool) { return nil, false }
