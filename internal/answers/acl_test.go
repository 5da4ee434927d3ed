package answers

import (
	"encoding/binary"
	"strings"
	"testing"
)

const (
	ann SID = "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x01\x00\x00\x00" +
		"\x02\x00\x00\x00\x03\x00\x00\x00\xe9\x03\x00\x00"
	everyone SID = "\x01\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"
)

// entryOf is an entry of an access list.
func entryOf(kind, flags byte, mask uint32, who SID) string {
	b := []byte{kind, flags}
	b = binary.LittleEndian.AppendUint16(b, uint16(8+len(who))) //nolint:gosec // a few bytes
	return string(binary.LittleEndian.AppendUint32(b, mask)) + string(who)
}

// descriptor is a self-relative one, as GetKernelObjectSecurity returns it.
func descriptor(owner SID, list ...string) []byte {
	acl := strings.Join(list, "")
	b := []byte{1, 0}
	b = binary.LittleEndian.AppendUint16(b, 0x8000|0x1000|0x4)
	size := uint32(20 + len(owner)) //nolint:gosec // a few bytes
	for _, at := range []uint32{20, 0, 0, size} {
		b = binary.LittleEndian.AppendUint32(b, at)
	}
	b = append(b, owner...)
	b = append(b, 2, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(8+len(acl))) //nolint:gosec // as above
	b = binary.LittleEndian.AppendUint16(b, uint16(len(list)))  //nolint:gosec // as above
	b = binary.LittleEndian.AppendUint16(b, 0)
	return append(b, acl...)
}

func TestJudge(t *testing.T) {
	const all, read = 0x1f01ff, 0x120089
	mine := []string{entryOf(0, 3, all, System), entryOf(0, 3, all, ann)}
	with := func(more ...string) []byte { return descriptor(ann, append(mine[:2:2], more...)...) }
	noList, absent := with(), with()
	copy(noList[16:], "\x00\x00\x00\x00")
	absent[2] &^= 4
	for name, c := range map[string]struct {
		sd     []byte
		rights uint32
		want   Access
		who    SID
	}{
		"mine":                              {sd: with()},
		"the administrators'":               {sd: descriptor(Administrators, mine...)},
		"who made it":                       {sd: with(entryOf(0, 0xb, 0x10000000, CreatorOwner))},
		"nobody's":                          {sd: descriptor(ann)},
		"somebody else's":                   {sd: descriptor(everyone, mine...), want: AccessOwner, who: everyone},
		"no owner":                          {sd: descriptor("", mine...), want: AccessOwner},
		"no list":                           {sd: noList, want: AccessNoList},
		"a list that is not there":          {sd: absent, want: AccessNoList},
		"everybody reads":                   {sd: with(entryOf(0, 0, read, everyone)), want: AccessOthers, who: everyone},
		"everybody reads what comes":        {sd: with(entryOf(0, 0xb, read, everyone)), want: AccessOthers, who: everyone},
		"everybody is kept out":             {sd: with(entryOf(1, 0, all, everyone))},
		"an object entry":                   {sd: with(entryOf(5, 0, read, everyone)), want: AccessUnknown},
		"a callback entry":                  {sd: with(entryOf(9, 0, read, everyone)), want: AccessUnknown},
		"an entry for nobody":               {sd: with(entryOf(0, 0, read, "")), want: AccessUnknown},
		"half a SID":                        {sd: with(entryOf(0, 0, read, everyone[:10])), want: AccessUnknown},
		"reading where only writing counts": {sd: with(entryOf(0, 0, read, everyone)), rights: 0x2},
		"writing, for what comes":           {sd: with(entryOf(0, 8, all, everyone)), rights: 0x2},
		"writing": {sd: with(entryOf(0, 0, all, everyone)), rights: 0x2, want: AccessOthers,
			who: everyone},
		"empty": {want: AccessUnknown},
	} {
		if got, who := Judge(c.sd, c.rights, ann, System, Administrators, CreatorOwner); got != c.want || who != c.who {
			t.Errorf("%s: %v, %s; want %v, %s", name, got, who, c.want, c.who)
		}
	}
	whole := with()
	for n := range whole {
		if got, _ := Judge(whole[:n], 0, ann, System); got == AccessFits {
			t.Errorf("%d of %d bytes are enough", n, len(whole))
		}
	}
	if got, _ := Judge(whole, 0); got != AccessOwner {
		t.Errorf("%v for nobody at all", got)
	}
}

func TestSID(t *testing.T) {
	for s, want := range map[SID]string{
		System: "S-1-5-18", Administrators: "S-1-5-32-544", CreatorOwner: "S-1-3-0", everyone: "S-1-1-0",
		ann: "S-1-5-21-1-2-3-1001", "": "nobody that can be named",
	} {
		if s.String() != want {
			t.Errorf("%s, want %s", s, want)
		}
	}
}

// FuzzJudge: no descriptor crashes it, and none that lets everybody in fits, however the
// rest of it is made.
func FuzzJudge(f *testing.F) {
	f.Add(descriptor(ann, entryOf(0, 3, 0x1f01ff, ann)), uint32(0))
	f.Add(descriptor(ann), uint32(2))
	f.Add([]byte("\x01\x00\x04\x80"), uint32(0))
	f.Fuzz(func(t *testing.T, sd []byte, rights uint32) {
		got, _ := Judge(sd, rights, ann, System)
		if open := string(entryOf(0, 0, 0xffffffff, everyone)); got == AccessFits && len(sd) >= 20 {
			at := int(little(sd[16:20]))
			// The same list, with everybody as its first entry.
			if size, n := int(little(sd[at+2:at+4])), little(sd[at+4:at+6]); at+size <= len(sd) && n < 0xffff && size < 0xff00 {
				list := append([]byte{2, 0}, byte(size+len(open)), byte((size+len(open))>>8), byte(n+1), byte((n+1)>>8), 0, 0)
				list = append(append(list, open...), sd[at+8:at+max(8, size)]...)
				wide := append(append([]byte{}, sd...), list...)
				binary.LittleEndian.PutUint32(wide[16:], uint32(len(sd))) //nolint:gosec // a few bytes
				if got, _ := Judge(wide, rights, ann, System); got == AccessFits {
					t.Fatalf("everybody is let in: %x", wide)
				}
			}
		}
	})
}
