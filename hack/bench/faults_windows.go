package main

import "os"

func pageFaults(*os.ProcessState) int64 { return 0 } // not told
