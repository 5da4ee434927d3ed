package check

import (
	"cmp"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// Roots are the certificates of --ca-file and --ca-data.
type Roots struct {
	File, Data string // as they were given
	Pem        []byte
	Hash       string // of the set; see flows.RootsHash
	Err        error
}

// ReadRoots reads them.
func ReadRoots(file, data string) *Roots {
	r := &Roots{File: file, Data: data}
	if file == "" && data == "" {
		return r
	}
	r.Hash = "none" // is no set's
	if file != "" {
		b, err := userfile.Read(file)
		if err != nil {
			r.Err = fault.Usagef("--ca-file: %w", err)
			return r
		}
		r.Pem = append(userfile.Text(b), '\n')
	}
	if data != "" {
		b, err := DecodeCAData(data)
		if err != nil {
			r.Err = fault.Usagef("--ca-data: %w", err)
			return r
		}
		r.Pem = append(r.Pem, b...)
	}
	r.Hash = cmp.Or(flows.RootsHash(r.Pem), r.Hash)
	return r
}
