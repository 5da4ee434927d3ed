package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// The user of the image, as distroless images have it.
const (
	user   = 65532
	users  = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
	groups = "root:x:0:\nnonroot:x:65532:\n"
)

// image makes an OCI image layout, in a tar file, of the Linux platforms: the binary,
// Mozilla's roots, and a user who is not root with a home for the cache.
func (r *release) image() error {
	var roots bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil { // one with a constraint would be trusted without it
			_ = pem.Encode(&roots, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	blobs := map[string][]byte{}
	blob := func(mediaType string, data []byte) object {
		blobs[sum(data)] = data
		return object{"mediaType": mediaType, "digest": "sha256:" + sum(data), "size": len(data)}
	}
	asJSON := func(v any) []byte { data, _ := json.Marshal(v); return data }
	labels := map[string]string{"org.opencontainers.image.title": "sso-exec",
		"org.opencontainers.image.description": short, "org.opencontainers.image.source": home,
		"org.opencontainers.image.version":  r.version,
		"org.opencontainers.image.revision": r.commit, "org.opencontainers.image.licenses": "Apache-2.0"}
	const oci = "application/vnd.oci.image."
	var images []object
	for _, p := range r.platforms {
		if p.OS != "linux" {
			continue
		}
		layer, err := r.layer(p, roots.Bytes())
		if err != nil {
			return err
		}
		zipped := gzipped(layer)
		platform := object{"os": "linux", "architecture": p.Arch}
		if p.Arch == "arm" {
			platform["variant"] = "v7"
		}
		config := object{"created": r.time, "config": object{"User": "65532:65532", "WorkingDir": "/home/nonroot",
			"Env":        []string{"PATH=/usr/bin", "HOME=/home/nonroot"},
			"Entrypoint": []string{"/usr/bin/sso-exec"}, "Labels": labels},
			"rootfs":  object{"type": "layers", "diff_ids": []string{"sha256:" + sum(layer)}},
			"history": []object{{"created": r.time, "created_by": "hack/dist/run"}}}
		for k, v := range platform {
			config[k] = v
		}
		manifest := blob(oci+"manifest.v1+json", asJSON(object{"schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
			"config":      blob(oci+"config.v1+json", asJSON(config)),
			"layers":      []object{blob(oci+"layer.v1.tar+gzip", zipped)},
			"annotations": labels}))
		manifest["platform"] = platform
		images = append(images, manifest)
	}
	if len(images) == 0 {
		return nil
	}
	index := func(manifests []object) []byte {
		return asJSON(object{"schemaVersion": 2, "mediaType": oci + "index.v1+json", "manifests": manifests})
	}
	top := blob(oci+"index.v1+json", index(images))
	// podman and containerd name what they load by the second.
	top["annotations"] = object{"org.opencontainers.image.ref.name": r.version,
		"io.containerd.image.name": "localhost/sso-exec:" + r.version}

	dir := filepath.Join(buildDir, "image")
	files := map[string][]byte{"oci-layout": asJSON(object{"imageLayoutVersion": "1.0.0"}),
		"index.json": index([]object{top})}
	for digest, data := range blobs {
		files["blobs/sha256/"+digest] = data
	}
	for name, data := range files {
		if err := write(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return r.layout(dir)
}

// layer is the one layer of an image.
func (r *release) layer(p *platform, roots []byte) ([]byte, error) {
	binary, err := os.ReadFile(filepath.Join(p.dir, "sso-exec"))
	if err != nil {
		return nil, err
	}
	licences, err := os.ReadFile(filepath.Join(p.dir, "THIRD-PARTY.txt"))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
		user int
	}{
		{"etc/", 0o755, nil, 0}, {"etc/group", 0o644, []byte(groups), 0}, {"etc/passwd", 0o644, []byte(users), 0},
		{"etc/ssl/", 0o755, nil, 0}, {"etc/ssl/certs/", 0o755, nil, 0},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, roots, 0},
		{"home/", 0o755, nil, 0}, {"home/nonroot/", 0o700, nil, user}, {"tmp/", 0o1777, nil, 0},
		{"usr/", 0o755, nil, 0}, {"usr/bin/", 0o755, nil, 0}, {"usr/bin/sso-exec", 0o755, binary, 0},
		{"usr/share/", 0o755, nil, 0}, {"usr/share/doc/", 0o755, nil, 0}, {"usr/share/doc/sso-exec/", 0o755, nil, 0},
		{"usr/share/doc/sso-exec/THIRD-PARTY.txt", 0o644, licences, 0},
	} {
		kind := byte(tar.TypeReg)
		if f.name[len(f.name)-1] == '/' {
			kind = tar.TypeDir
		}
		if err := add(tw, &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: r.time,
			Typeflag: kind, Uid: f.user, Gid: f.user}, f.data); err != nil {
			return nil, err
		}
	}
	err = tw.Close()
	return b.Bytes(), err
}

// layout packs an image layout into one file, which skopeo and podman read as
// oci-archive.
func (r *release) layout(dir string) error {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	err := pack(tw, dir, ".", r.time)
	if err != nil {
		return err
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return write(filepath.Join(outDir, "sso-exec_"+r.version+"_image.tar"), b.Bytes(), 0o644)
}
