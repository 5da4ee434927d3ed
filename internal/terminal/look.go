package terminal

// Facts are what a process can tell of the terminals that it has.
type Facts struct {
	Stderr     bool   // stderr is one
	Open       bool   // the controlling one can be opened, and we are in its foreground
	Raw        bool   // the one where a prompt would go is not in line mode
	Stops      bool   // it is stderr, and whoever writes there from the background is stopped
	Owner      int    // the user who owns the one we are on; -1 if there is none
	StderrFile string // what stderr is, as JOURNAL_STREAM has it: device and inode
}
