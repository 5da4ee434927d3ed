package browser

import "os"

// session: Windows has none of that kind.
func session() int { return 0 }

func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	return true
}

func hasOutput() bool { return false }

func openFiles() []string { return nil }
