package answers

import "strconv"

// A SID names a user or a group of Windows, as its bytes ([MS-DTYP] 2.4.2.2).
type SID string

// Those that may do anything to a user's files anyway, and who stands for the owner of
// what is made below a directory.
const (
	System         SID = "\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00"
	Administrators SID = "\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x20\x02\x00\x00"
	CreatorOwner   SID = "\x01\x01\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00"
)

// String is the SID as Windows writes it.
func (s SID) String() string {
	if !s.whole() {
		return "nobody that can be named"
	}
	authority := uint64(0)
	for _, b := range []byte(s[2:8]) {
		authority = authority<<8 | uint64(b)
	}
	text := "S-1-" + strconv.FormatUint(authority, 10)
	for i := 8; i < len(s); i += 4 {
		text += "-" + strconv.FormatUint(little([]byte(s[i:i+4])), 10)
	}
	return text
}

func (s SID) whole() bool { return len(s) >= 8 && s[0] == 1 && s[1] <= 15 && len(s) == 8+4*int(s[1]) }

// sidAt reads the SID that begins b; none: there is no whole one.
func sidAt(b []byte) (s SID) {
	if len(b) >= 8 && len(b) >= 8+4*int(b[1]) {
		s = SID(b[:8+4*int(b[1])])
	}
	if !s.whole() {
		return ""
	}
	return s
}

func little(b []byte) (n uint64) {
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	return n
}

// Access is what an access list says of who else can get at something.
type Access int

// What [Judge] finds.
const (
	AccessFits    Access = iota // only who may has access
	AccessOwner                 // it belongs to somebody else
	AccessNoList                // there is no list at all: everybody has every access
	AccessOthers                // others have access
	AccessUnknown               // it is not a whole descriptor, or there are object or callback entries
)

// Judge reads a security descriptor of Windows in its self-relative form ([MS-DTYP]
// 2.4.6) and tells whether its object belongs to one of these, and nobody else has any
// of the rights to it; 0: any right at all, for what is made below it too. who should
// not be there.
func Judge(sd []byte, rights uint32, allowed ...SID) (found Access, who SID) {
	const (
		listPresent, selfRelative = 0x4, 0x8000
		allow, deny               = 0, 1
		inheritOnly               = 0x8
	)
	among := func(s SID) bool {
		for _, a := range allowed {
			if s == a && s != "" {
				return true
			}
		}
		return false
	}
	if len(sd) < 20 || sd[0] != 1 || little(sd[2:4])&selfRelative == 0 {
		return AccessUnknown, ""
	}
	owner := sidAt(after(sd, little(sd[4:8])))
	if !among(owner) {
		return AccessOwner, owner
	}
	at := little(sd[16:20])
	if little(sd[2:4])&listPresent == 0 || at == 0 {
		return AccessNoList, ""
	}
	list := after(sd, at)
	if len(list) < 8 || len(list) < int(little(list[2:4])) { //nolint:gosec // of two bytes
		return AccessUnknown, ""
	}
	count := little(list[4:6])
	list = after(list[:max(8, little(list[2:4]))], 8)
	for ; count > 0; count-- {
		if len(list) < 8 {
			return AccessUnknown, ""
		}
		size := little(list[2:4])
		if size < 8 || size > uint64(len(list)) {
			return AccessUnknown, ""
		}
		entry := list[:size]
		list = list[size:]
		switch {
		case entry[0] == deny, rights != 0 && entry[1]&inheritOnly != 0:
		case entry[0] != allow:
			return AccessUnknown, ""
		case rights == 0 || little(entry[4:8])&uint64(rights) != 0:
			if who = sidAt(entry[8:]); who == "" {
				return AccessUnknown, ""
			} else if !among(who) {
				return AccessOthers, who
			}
		}
	}
	return AccessFits, ""
}

// after is what of b comes after n bytes.
func after(b []byte, n uint64) []byte {
	if n == 0 || n > uint64(len(b)) {
		return nil
	}
	return b[n:]
}
