package main

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

func (r *release) provenanceName() string { return "sso-exec_" + r.version + ".intoto.json" }

// provenance says what everything was made of: an in-toto statement in the form of
// SLSA 1.0. Without an invocation or times of its own, since another build of the
// same commit has to give the same.
func (r *release) provenance() error {
	names, err := made(r.provenanceName())
	if err != nil {
		return err
	}
	var subjects []object
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(outDir, name))
		if err != nil {
			return err
		}
		subjects = append(subjects, object{"name": name, "digest": object{"sha256": sum(data)}})
	}
	var platforms []string
	for _, p := range r.platforms {
		platforms = append(platforms, p.OS+"/"+p.Arch)
	}
	return writeJSON(r.provenanceName(), object{
		"_type": "https://in-toto.io/Statement/v1", "subject": subjects,
		"predicateType": "https://slsa.dev/provenance/v1",
		"predicate": object{
			"buildDefinition": object{
				"buildType":          home + "/blob/" + r.tag + "/docs/releases.md",
				"externalParameters": object{"target": "dist", "VERSION": r.tag, "PLATFORMS": strings.Join(platforms, " ")},
				"internalParameters": object{"go": runtime.Version()},
				"resolvedDependencies": []object{{"uri": "git+" + home + "@refs/tags/" + r.tag,
					"digest": object{"gitCommit": r.commit}}},
			},
			"runDetails": object{"builder": object{"id": cmp.Or(os.Getenv("BUILDER"), home+"/blob/main/hack/dist/run")}},
		},
	})
}

// checksums is in the form of sha256sum, which checks it: sha256sum -c checksums.txt.
func (r *release) checksums() error {
	names, err := made()
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(outDir, name))
		if err != nil {
			return err
		}
		text.WriteString(sum(data) + "  " + name + "\n")
	}
	return write(filepath.Join(outDir, "checksums.txt"), []byte(text.String()), 0o644)
}
