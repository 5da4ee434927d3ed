package setup

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file is about the files of tools that a setup command writes and doctor reads.

// PipConfig is the file of the user that pip reads (pip's "Configuration").
func PipConfig() (string, error) {
	if file := os.Getenv("PIP_CONFIG_FILE"); file != "" {
		return filepath.Abs(file)
	}
	if dir := userfile.AppData(); dir != "" {
		return filepath.Join(dir, "pip", "pip.ini"), nil
	}
	home, err := userfile.Home()
	if err != nil {
		return "", settings.NoHome("no configuration of pip", "give --keyring-config FILE")
	}
	usual := filepath.Join(userfile.BaseDir("XDG_CONFIG_HOME", ".config"), "pip", "pip.conf")
	old := []string{filepath.Join(home, ".pip", "pip.conf")}
	if runtime.GOOS == "darwin" {
		old = append(old, filepath.Join(home, "Library", "Application Support", "pip", "pip.conf"))
	}
	for _, other := range old {
		if _, missing := os.Stat(usual); missing == nil {
			break
		}
		if _, missing := os.Stat(other); missing == nil {
			return other, nil
		}
	}
	return usual, nil
}

// PipKey is the setting that has pip run the program keyring.
const PipKey = "keyring-provider"

// PipKeyring is the keyring-provider that pip's configuration names; empty: none.
func PipKeyring(text []byte) string {
	_, _, value := PipKeyringAt(strings.SplitAfter(string(text), "\n"))
	return value
}

// PipKeyringAt finds the section [global] and the key in it, as numbers of lines; -1: not there.
func PipKeyringAt(lines []string) (section, found int, value string) {
	section, found = -1, -1
	in := ""
	for i, line := range lines {
		bare := strings.TrimSpace(line)
		if strings.HasPrefix(bare, "[") && strings.HasSuffix(bare, "]") {
			if in = bare; in == "[global]" {
				section = i
			}
		}
		name, v, ok := strings.Cut(bare, "=")
		if !ok {
			name, v, ok = strings.Cut(bare, ":")
		}
		if ok && in == "[global]" && strings.ReplaceAll(strings.TrimSpace(name), "_", "-") == PipKey {
			found, value = i, strings.TrimSpace(v)
		}
	}
	return section, found, value
}

// PNPMKey is between a registry and its helper.
const PNPMKey = "/:tokenHelper="

// NPMConfig is the file of the user that pnpm reads.
func NPMConfig() (string, error) {
	if file := cmp.Or(os.Getenv("npm_config_userconfig"), os.Getenv("NPM_CONFIG_USERCONFIG")); file != "" {
		return file, nil
	}
	return InHome("", "", ".npmrc", "no configuration of pnpm", "give --pnpm-config FILE")
}

// PNPMHelper reads the host and the helper of a line.
func PNPMHelper(line string) (host, script string, ok bool) {
	host, script, ok = strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "//"), PNPMKey)
	return host, script, ok
}

// BazelHelper reads the host and the helper of a line.
func BazelHelper(line string) (host, script string, ok bool) {
	_, option, _ := strings.Cut(strings.TrimSpace(line), " ")
	if option = strings.TrimSpace(option); strings.HasPrefix(option, `"`) {
		option = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(strings.Trim(option, `"`))
	}
	value, ok := strings.CutPrefix(option, "--credential_helper=")
	host, script, named := strings.Cut(value, "=")
	return host, script, ok && named && !strings.HasPrefix(line, "#")
}

// GoogleFile is where Google's libraries look for credentials.
func GoogleFile() (string, error) {
	return InHome("CLOUDSDK_CONFIG", filepath.Join(".config", "gcloud"), "application_default_credentials.json",
		"no place for Google's credentials", "give --gcp-config FILE")
}

// Google is a credential configuration (google.aip.dev/auth/4117).
type Google struct {
	Type        string `json:"type"`
	Audience    string `json:"audience"`
	TokenType   string `json:"subject_token_type"`
	TokenURL    string `json:"token_url"`
	Impersonate string `json:"service_account_impersonation_url,omitempty"`
	Project     string `json:"workforce_pool_user_project,omitempty"`
	Source      struct {
		Executable struct {
			Command string `json:"command"`
			Millis  int    `json:"timeout_millis"`
		} `json:"executable"`
	} `json:"credential_source"`
}

// ReadGoogle returns the audience of credentials that run sso-exec gcp, and the program.
func ReadGoogle(text []byte) (audience, program string, ours bool) {
	var c Google
	if json.Unmarshal(text, &c) != nil || c.Type != "external_account" {
		return "", "", false
	}
	words := strings.Fields(c.Source.Executable.Command)
	if len(words) < 2 || words[1] != settings.ToolGCP {
		return "", "", false
	}
	return c.Audience, words[0], true
}
