package browser

// session: Windows has none of that kind.
func session() int { return 0 }
