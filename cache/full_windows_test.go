package cache

// reserveUnderLimit: Windows has no limit of a file's size.
func reserveUnderLimit(*Store, string) error { return nil }
