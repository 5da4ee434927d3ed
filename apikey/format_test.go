package apikey

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
)

var live = MustFormat("acme_live")

func generate(t testing.TB, f Format) Key {
	t.Helper()
	key, err := f.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestNewFormat(t *testing.T) {
	for _, good := range []string{"abc", "acme_live", "a1_2_c", strings.Repeat("a", 24)} {
		if f, err := NewFormat(good); err != nil || f.Prefix() != good {
			t.Errorf("NewFormat(%q) = %q, %v", good, f.Prefix(), err)
		}
	}
	for _, bad := range []string{"", "ab", "_ab", "1ab", "abc_", "ab__cd", "Abc", "ab-c", "ab c", "abc\n", "äbc", "a.*",
		strings.Repeat("a", 25)} {
		if f, err := NewFormat(bad); err == nil || f.Prefix() != "" {
			t.Errorf("NewFormat(%q) is accepted", bad)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("MustFormat does not panic")
		}
	}()
	MustFormat("no!")
}

func TestZeroFormat(t *testing.T) {
	var f Format
	if _, err := f.Generate(); err == nil {
		t.Error("the zero format makes keys")
	}
	body := "_" + strings.Repeat("0", bodyLen)
	if _, err := f.Parse(body + checksum(body)); !errors.Is(err, ErrInvalid) {
		t.Errorf("the zero format parses: %v", err)
	}
	if found := f.Find(body + checksum(body)); found != nil {
		t.Errorf("the zero format finds %v", found)
	}
}

func TestGeneratedKeysParse(t *testing.T) {
	pattern := regexp.MustCompile("^" + live.Pattern() + "$")
	seen := map[string]bool{}
	for range 2000 {
		key := generate(t, live)
		text := key.Reveal()
		if parsed, err := live.Parse(text); err != nil || !parsed.Equal(key) || parsed.Reveal() != text {
			t.Fatalf("Parse(%q) = %v, %v", text, parsed, err)
		}
		if !pattern.MatchString(text) {
			t.Fatalf("%q does not match %s", text, live.Pattern())
		}
		if seen[text] {
			t.Fatalf("%q twice", text)
		}
		seen[text] = true
	}
}

// refused fails unless a text is no key, and the error does not repeat it.
func refused(t *testing.T, text, what string) {
	t.Helper()
	key, err := live.Parse(text)
	if !errors.Is(err, ErrInvalid) || !key.IsZero() {
		t.Fatalf("%s: %q is accepted (%v)", what, text, err)
	}
	if len(text) > 10 && strings.Contains(err.Error(), text[10:]) {
		t.Fatalf("%s: the text is in the error: %v", what, err)
	}
}

// What Parse promises of one fault, for every place of some keys.
func TestEveryFaultIsFound(t *testing.T) {
	const others = base62 + "_-. \x00\n\x80"
	for range 25 {
		text := generate(t, live).Reveal()
		for i := range len(text) {
			for j := range len(others) {
				if others[j] != text[i] {
					refused(t, text[:i]+others[j:j+1]+text[i+1:], "one character changed")
				}
				refused(t, text[:i]+others[j:j+1]+text[i:], "one character added")
			}
			refused(t, text[:i]+text[i+1:], "one character left out")
			if i > 0 && text[i-1] != text[i] {
				refused(t, text[:i-1]+text[i:i+1]+text[i-1:i]+text[i+1:], "two neighbours swapped")
			}
		}
		for range 2000 { // a run of up to four before the checksum
			wrong := []byte(text)
			first := len("acme_live_") + rand.IntN(bodyLen-4)
			for i := range 4 {
				wrong[first+i] = base62[rand.IntN(62)]
			}
			if string(wrong) != text {
				refused(t, string(wrong), "a run of four")
			}
		}
		refused(t, text+text, "twice")
		refused(t, strings.ToLower(text), "lower case")
		refused(t, strings.Replace(text, "live", "test", 1), "another prefix")
	}
	refused(t, "", "nothing")
	refused(t, strings.Repeat("a", 1<<20), "a mebibyte")
}

// The last character of the body and the first of the checksum, swapped: the
// CRC changes by an exclusive or with one entry of its table, the number that
// the digits make by a multiple of 62⁵. The two never agree, since the lowest
// bit that changes differs.
func TestSwapAcrossTheBorder(t *testing.T) {
	for a := byte(0); a <= 4; a++ { // the first of six digits below 2³²
		for b := byte(0); b < a; b++ {
			crc := crc32.IEEETable[('0'+a)^('0'+b)]
			digits := uint32(a-b) * 62 * 62 * 62 * 62 * 62
			if bits.TrailingZeros32(crc) == bits.TrailingZeros32(digits) {
				t.Errorf("%d and %d may be swapped", a, b)
			}
		}
	}
}

// A key that GitHub published as an example, by its parts: the same checksum,
// though over the body alone.
func TestChecksumVector(t *testing.T) {
	if got := checksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"); got != "0mLq17" {
		t.Errorf("checksum = %s", got)
	}
	if got := checksum(""); got != "000000" {
		t.Errorf("checksum of nothing = %s", got)
	}
}

func TestEntropy(t *testing.T) {
	if len(base62) != 62 {
		t.Fatalf("the alphabet has %d characters", len(base62))
	}
	perCharacter := math.Log2(62)
	if all := bodyLen * perCharacter; all < 190 {
		t.Errorf("a key has %.1f bits", all)
	}
	// What the masked form tells: checksum characters, which follow from the body.
	if hidden := (bodyLen - shownLen) * perCharacter; hidden < 166 {
		t.Errorf("a key whose mask is known has %.1f bits", hidden)
	}
	if math.Pow(62, checksumLen) < 1<<32 {
		t.Error("the checksum does not fit")
	}
}

// From a source that gives every byte equally often comes every character
// equally often.
func TestRandomIsEven(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	text, err := random(bytes.NewReader(bytes.Repeat(all, 2*248)), 2*248)
	if err != nil {
		t.Fatal(err)
	}
	for i := range base62 {
		if n := strings.Count(text, base62[i:i+1]); n != 2*4 {
			t.Errorf("%c is there %d times, not 8", base62[i], n)
		}
	}
}

type constant byte

func (c constant) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

func TestRandomFails(t *testing.T) {
	broken := errors.New("no entropy")
	for name, source := range map[string]io.Reader{
		"at once":  iotest.ErrReader(broken),
		"half way": io.MultiReader(strings.NewReader("abcdefgh"), iotest.ErrReader(broken)),
	} {
		if text, err := random(source, bodyLen); !errors.Is(err, broken) || text != "" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if text, err := random(strings.NewReader("short"), bodyLen); err == nil || text != "" {
		t.Errorf("too short: %q, %v", text, err)
	}
	if text, err := random(constant(0xff), bodyLen); err == nil || text != "" {
		t.Errorf("nothing that can be used: %q, %v", text, err)
	}
}

func TestFind(t *testing.T) {
	a, b := generate(t, live), generate(t, live)
	other := generate(t, MustFormat("acme_test"))
	longer := generate(t, MustFormat("my_acme_live"))
	cut := a.Reveal()[:30]
	for _, c := range []struct {
		name, text string
		want       []Key
	}{
		{"nothing", "", nil},
		{"alone", a.Reveal(), []Key{a}},
		{"quoted", `{"key":"\n` + a.Reveal() + `\n"}`, []Key{a}},
		{"glued", "x" + a.Reveal() + b.Reveal() + "x", []Key{a, b}},
		{"behind one that is cut", cut + b.Reveal(), []Key{b}},
		{"another format", other.Reveal(), nil},
		{"a format that ends like this one", longer.Reveal(), nil},
		{"looks like one", "acme_live_" + strings.Repeat("x", tailLen), nil},
		{"prefixes alone", strings.Repeat("acme_live_", 10) + a.Reveal(), []Key{a}},
		{"the end is missing", a.Reveal()[:len(a.Reveal())-1], nil},
	} {
		found := live.Find(c.text)
		same := len(found) == len(c.want)
		for i := range found {
			same = same && found[i].Equal(c.want[i])
		}
		if !same {
			t.Errorf("%s: found %v, not %v", c.name, found, c.want)
		}
	}
}
