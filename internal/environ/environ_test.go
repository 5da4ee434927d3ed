package environ

import "testing"

func TestProgramVariables(t *testing.T) {
	for name, want := range map[string]bool{
		"PATH": true, "HOME": true, "SHELL": true, "IFS": true, "LD_PRELOAD": true, "LD_LIBRARY_PATH": true,
		"DYLD_INSERT_LIBRARIES": true,
		"API_TOKEN":             false, "GITLAB_TOKEN": false, "LDAP_TOKEN": false, "PATH_TOKEN": false, "OLD_TOKEN": false,
	} {
		if IsProgramVariable(name) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}
