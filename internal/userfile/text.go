package userfile

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

var (
	mark   = []byte("\xef\xbb\xbf") // UTF-8's byte order mark
	little = []byte("\xff\xfe")     // those of UTF-16
	big    = []byte("\xfe\xff")
)

// Text returns a text file's content as an editor shows it: UTF-8 without byte
// order marks. Windows' Notepad writes one; `cat a.pem b.pem` leaves one in the
// middle; the > of Windows PowerShell writes UTF-16.
func Text(b []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, little):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, big):
		order = binary.BigEndian
	default:
		return bytes.ReplaceAll(b, mark, nil)
	}
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return bytes.ReplaceAll([]byte(string(utf16.Decode(units))), mark, nil)
}
