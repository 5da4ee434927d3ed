package cache

// reserveUnderLimit: Windows has no limit of a file's size.
func reserveUnderLimit(*Store, string) error { return nil }

// commitReadOnly: Windows keeps no modes.
func commitReadOnly(*Store, string) error { return nil }
