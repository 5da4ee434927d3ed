package answers

import "strconv"

// prefixes begin the names of variables that may change an answer.
var prefixes = [...]string{"SSO_EXEC_", "AWS_", "SSL_CERT_", "GOOGLE_EXTERNAL_ACCOUNT_"}

// variables are the others: those of the tools that call, those that name the server
// which headers are for, and those that show a coding agent.
var variables = [...]string{
	"HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME",
	"KUBERNETES_EXEC_INFO", "CLAUDE_CODE_MCP_SERVER_URL",
	"AGENT", "AI_AGENT", "AMP_CURRENT_THREAD_ID", "ANTIGRAVITY_AGENT", "AUGMENT_AGENT", "CLAUDECODE", "CLINE_ACTIVE",
	"CODEX_CI", "CODEX_SANDBOX", "CODEX_SANDBOX_NETWORK_DISABLED", "CODEX_THREAD_ID", "COPILOT_AGENT", "COPILOT_CLI",
	"CRUSH", "CURSOR_AGENT", "CURSOR_EXTENSION_HOST_ROLE", "GEMINI_CLI", "GOOSE_TERMINAL", "OPENCODE", "PI_CODING_AGENT",
	"ROO_ACTIVE",
}

// secrets end the names of those of which only counts that they are set.
var secrets = [...]string{
	"_SECRET", "_TOKEN", "_PASSWORD", "_PASSPHRASE", "_SECRET_ACCESS_KEY", "_SECRET_KEY", "_TOKEN_BEDROCK",
}

// Counts reports whether a variable is part of the key.
func Counts(name string) bool {
	name = fold(name)
	for _, p := range prefixes {
		if len(name) >= len(p) && name[:len(p)] == p {
			return true
		}
	}
	for _, v := range variables {
		if name == v {
			return true
		}
	}
	return false
}

// Key is all of a call that may change its answer, besides files: its words and the
// variables that count, each as NAME=VALUE, in any order but of those with one name.
func Key(args, env []string) string {
	counted := make([]string, 0, 8)
	for _, kv := range env {
		name := fold(kv[:nameEnd(kv)])
		if !Counts(name) {
			continue
		}
		for _, s := range secrets {
			if len(name) > len(s) && name[len(name)-len(s):] == s && len(kv) > len(name)+1 {
				kv = name + "=set"
			}
		}
		counted = append(counted, kv)
		for i := len(counted) - 1; i > 0 && fold(counted[i-1][:nameEnd(counted[i-1])]) > name; i-- {
			counted[i-1], counted[i] = counted[i], counted[i-1]
		}
	}
	b := field(nil, strconv.Itoa(len(args)))
	for _, all := range [...][]string{args, counted} {
		for _, text := range all {
			b = field(b, text)
		}
	}
	return string(b)
}

func nameEnd(kv string) int {
	for i := range len(kv) {
		if kv[i] == '=' {
			return i
		}
	}
	return len(kv)
}

// CacheDir is the cache directory as a flag or a variable has it, else the usual one;
// empty: it cannot be determined without the rest of the program.
func CacheDir(args, env []string) string {
	const flag = "--cache-dir"
	dir, said := variable(env, "SSO_EXEC_CACHE_DIR"), false
	for i, arg := range args {
		switch {
		case arg == "--":
			return ""
		case arg == flag && i+1 < len(args):
			dir, said = args[i+1], true
		case len(arg) > len(flag) && arg[:len(flag)+1] == flag+"=":
			dir, said = arg[len(flag)+1:], true
		}
	}
	home := variable(env, homeVariable)
	if home == "" { // it is looked up elsewhere
		return ""
	}
	if dir == "" && !said {
		if dir = variable(env, cacheVariable); dir == "" {
			dir = "~/.cache"
		}
		dir += "/sso-exec"
	}
	if len(dir) > 1 && dir[:2] == "~/" && absolute(home) {
		dir = home + dir[1:]
	}
	for len(dir) > 1 && dir[len(dir)-1] == '/' { // with it, a link in the directory's place would be followed
		dir = dir[:len(dir)-1]
	}
	if !absolute(dir) || dotted(dir) {
		return ""
	}
	return dir
}

// dotted reports whether a path has a part that another directory is opened by than the
// cleaned path, where there are links, or ends with a separator.
func dotted(path string) bool {
	part := ""
	for i, start := 0, 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' && path[i] != '\\' {
			continue
		}
		if part = path[start:i]; part == "." || part == ".." {
			return true
		}
		start = i + 1
	}
	return part == ""
}

// variable returns the first of a name, as the system does.
func variable(env []string, name string) string {
	for _, kv := range env {
		if nameEnd(kv) == len(name) && len(kv) > len(name) && fold(kv[:len(name)]) == fold(name) {
			return kv[len(name)+1:]
		}
	}
	return ""
}
