package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

type object = map[string]any

// sbom lists what is linked into the binary of a platform, as CycloneDX 1.6.
func (r *release) sbom(p *platform) error {
	binary, err := os.ReadFile(filepath.Join(p.dir, p.exe()))
	if err != nil {
		return err
	}
	self := "pkg:golang/github.com/sso-exec/sso-exec@" + r.tag
	query := "?type=module&goos=" + p.OS + "&goarch=" + p.Arch
	components, refs := []object{}, []string{}
	for _, m := range p.modules {
		c := object{"type": "library", "bom-ref": m.purl(), "purl": m.purl(), "name": m.path, "version": m.version,
			"licenses": []object{{"expression": m.licence}}}
		// go.sum's h1: the SHA-256 of a list of the module's files.
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.sum, "h1:")); err == nil && m.sum != "" {
			c["hashes"] = []object{{"alg": "SHA-256", "content": hex.EncodeToString(raw)}}
		}
		components, refs = append(components, c), append(refs, m.purl())
	}
	return writeJSON("sso-exec_"+r.version+"_"+p.name()+".cdx.json", object{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata": object{
			"timestamp": r.time.Format("2006-01-02T15:04:05Z"),
			"component": object{"type": "application", "bom-ref": self, "purl": self + query, "name": "sso-exec",
				"version": r.tag, "licenses": []object{{"expression": "Apache-2.0"}},
				"hashes":             []object{{"alg": "SHA-256", "content": sum(binary)}},
				"externalReferences": []object{{"type": "vcs", "url": home}}},
		},
		"components":   components,
		"dependencies": []object{{"ref": self, "dependsOn": refs}},
	})
}

func (m *linked) purl() string { return "pkg:golang/" + m.path + "@" + m.version + "?type=module" }

// writeJSON writes a document into dist; members are sorted.
func writeJSON(name string, document any) error {
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	return write(filepath.Join(outDir, name), append(data, '\n'), 0o644)
}
