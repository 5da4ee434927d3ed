package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// archive makes the tar.gz of a platform, or the zip for Windows. What is in it lies
// below one directory of the archive's name.
func (r *release) archive(p *platform) error {
	base := filepath.Base(p.dir)
	form, ending := tarball, ".tar.gz"
	if p.OS == "windows" {
		form, ending = zipped, ".zip"
	}
	data, err := form(filepath.Dir(p.dir), base, r.time)
	if err != nil {
		return err
	}
	p.Archive, p.SHA256 = base+ending, sum(data)
	return write(filepath.Join(outDir, p.Archive), data, 0o644)
}

// each calls with every file and directory at and below root/base, in order.
func each(root, base string, do func(name string, d fs.FileInfo, data []byte) error) error {
	return filepath.WalkDir(filepath.Join(root, base), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		info, err := d.Info()
		if err != nil || d.IsDir() {
			if err == nil {
				err = do(filepath.ToSlash(name)+"/", info, nil)
			}
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return do(filepath.ToSlash(name), info, data)
	})
}

func tarball(root, base string, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	tw := tar.NewWriter(zw)
	err := errors.Join(pack(tw, root, base, at), tw.Close(), zw.Close())
	return b.Bytes(), err
}

// pack adds what is at and below root/base.
func pack(tw *tar.Writer, root, base string, at time.Time) error {
	return each(root, base, func(name string, d fs.FileInfo, data []byte) error {
		h := &tar.Header{Name: name, Mode: int64(d.Mode().Perm()), Size: int64(len(data)), ModTime: at,
			Typeflag: tar.TypeReg, Uname: "root", Gname: "root"}
		if d.IsDir() {
			h.Typeflag = tar.TypeDir
		}
		return add(tw, h, data)
	})
}

func add(tw *tar.Writer, h *tar.Header, data []byte) error {
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := tw.Write(data)
	return err
}

func zipped(root, base string, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	err := each(root, base, func(name string, d fs.FileInfo, data []byte) error {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at}
		h.SetMode(d.Mode())
		w, err := zw.CreateHeader(h)
		if err == nil && !d.IsDir() {
			_, err = w.Write(data)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = zw.Close()
	return b.Bytes(), err
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = zw.Write(data) // a buffer takes all
	_ = zw.Close()
	return b.Bytes()
}

func sum(data []byte) string {
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:])
}
