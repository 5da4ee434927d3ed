package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A linked module is one that the binary has code of.
type linked struct {
	path, version, sum string
	licence            string // SPDX expression
	texts              []byte // of its licence and notice files
}

// linkedInto reads which modules a binary was made of, and their licences from Go's
// module cache. A module whose licence is not known here fails the release.
func linkedInto(binary string) ([]linked, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	std := linked{path: "std", version: strings.TrimPrefix(info.GoVersion, "go")}
	modules := []linked{std}
	dirs := map[string]string{"std": strings.TrimSpace(string(goroot))}
	args := []string{"list", "-m", "-json"}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		modules = append(modules, linked{path: d.Path, version: d.Version, sum: d.Sum})
		args = append(args, d.Path+"@"+d.Version)
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m: %w", err)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var m struct{ Path, Dir string }
		if err := dec.Decode(&m); err != nil {
			return nil, err
		}
		dirs[m.Path] = m.Dir
	}
	for i := range modules {
		if err := modules[i].read(dirs[modules[i].path]); err != nil {
			return nil, err
		}
	}
	return modules, nil
}

var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

func (m *linked) read(dir string) error {
	found, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.path, err)
	}
	for _, f := range found {
		if !f.Type().IsRegular() || !legal.MatchString(f.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		words := strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
		m.texts = append(m.texts, "\n"+f.Name()+":\n\n"+words+"\n"...)
	}
	if m.licence = spdx(string(m.texts)); m.licence == "" {
		return fmt.Errorf("%s %s: its licence is not known: add it to spdx", m.path, m.version)
	}
	return nil
}

// spdx names the licences that a text has.
func spdx(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	var found []string
	for _, l := range []struct{ id, words, without string }{
		{"Apache-2.0", `(?i)Apache License,? Version 2\.0`, ""},
		{"MIT", `Permission is hereby granted, free of charge`, ""},
		{"ISC", `Permission to use, copy, modify, and(/or)? distribute`, ""},
		{"BSD-3-Clause", `Redistribution and use in source and binary forms.*Neither the names? of`, ""},
		{"BSD-2-Clause", `Redistribution and use in source and binary forms`, `Neither the names? of`},
		{"MPL-2.0", `Mozilla Public License,? [Vv]ersion 2\.0`, ""},
	} {
		if regexp.MustCompile(l.words).MatchString(text) &&
			(l.without == "" || !regexp.MustCompile(l.without).MatchString(text)) {
			found = append(found, l.id)
		}
	}
	return strings.Join(found, " AND ")
}

// thirdParty is the text that the licences ask for: what is linked, and its terms.
func thirdParty(modules []linked) []byte {
	var b bytes.Buffer
	b.WriteString("This program is made of these modules, under these licences.\n\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "  %s %s (%s)\n", m.path, m.version, m.licence)
	}
	for _, m := range modules {
		fmt.Fprintf(&b, "\n%s\n%s %s\n%s", strings.Repeat("=", 72), m.path, m.version, m.texts)
	}
	return b.Bytes()
}
