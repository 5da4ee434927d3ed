package terminal

import "testing"

// What a terminal's style follows from.
func TestStyle(t *testing.T) {
	full := Style{Color: true, Cursor: true, UTF8: true}
	type env map[string]string
	for _, c := range []struct {
		name    string
		goos    string
		console bool // takes escape sequences
		env     env
		want    Style
	}{
		{"a terminal", "linux", true, env{"TERM": "xterm-256color", "LANG": "de_DE.UTF-8"}, full},
		{"utf8 as some write it", "linux", true, env{"TERM": "xterm", "LANG": "en_US.utf8"}, full},
		{"LC_ALL overrides LANG", "linux", true, env{"TERM": "xterm", "LANG": "en_US.UTF-8", "LC_ALL": "C"},
			Style{Color: true, Cursor: true}},
		{"LC_CTYPE overrides LANG", "linux", true, env{"TERM": "xterm", "LANG": "C", "LC_CTYPE": "C.UTF-8"}, full},
		{"an empty LC_ALL is none", "linux", true, env{"TERM": "xterm", "LANG": "C.UTF-8", "LC_ALL": ""}, full},
		{"no locale", "linux", true, env{"TERM": "linux"}, Style{Color: true, Cursor: true}},
		{"macOS over ssh", "darwin", true, env{"TERM": "xterm"}, full},
		{"NO_COLOR", "linux", true, env{"TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": "1"},
			Style{Cursor: true, UTF8: true}},
		{"an empty NO_COLOR is none", "linux", true, env{"TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": ""}, full},
		{"a screen reader", "linux", true, env{"TERM": "xterm", "LANG": "C.UTF-8", "ACCESSIBLE": "1"},
			Style{Color: true, UTF8: true}},
		{"dumb", "linux", true, env{"TERM": "dumb", "LANG": "C.UTF-8"}, Style{UTF8: true}},
		{"unknown", "linux", true, env{"TERM": "unknown", "LANG": "C.UTF-8"}, Style{UTF8: true}},
		{"no TERM", "linux", true, env{"LANG": "C.UTF-8"}, Style{UTF8: true}},
		{"Windows", "windows", true, nil, full},
		{"Windows before 10", "windows", false, nil, Style{}},
		{"Windows, dumb", "windows", true, env{"TERM": "dumb"}, Style{UTF8: true}},
		{"Windows, NO_COLOR", "windows", true, env{"NO_COLOR": "1"}, Style{Cursor: true, UTF8: true}},
	} {
		got := styleOf(surroundings{c.goos, c.console, func(name string) string { return c.env[name] }})
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
