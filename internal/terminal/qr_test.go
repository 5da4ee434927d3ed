package terminal

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// What is drawn is the code, module for module, with light ones around it.
func TestQR(t *testing.T) {
	for _, text := range []string{"https://a.example/d", "https://login.example.com/device?user_code=WDJB-MJHT",
		"https://login.example.com/" + strings.Repeat("x", 200)} {
		want, err := qr.Encode(text, qr.L)
		if err != nil {
			t.Fatal(err)
		}
		for _, color := range []bool{true, false} {
			for _, quiet := range []int{4, 2} {
				lines := qrLines(text, Style{Color: color, Cursor: true, UTF8: true}, indent+want.Size+2*quiet, 100)
				if got := (want.Size + 2*quiet + 1) / 2; len(lines) != got {
					t.Fatalf("%d lines, want %d", len(lines), got)
				}
				for i, l := range lines {
					if (l.sgr == sgrBlackOnWhite) != color || l.indent != "  " {
						t.Fatalf("line %d: %+v", i, l)
					}
					cells := []rune(l.text)
					if len(cells) != want.Size+2*quiet {
						t.Fatalf("line %d has %d columns, want %d", i, len(cells), want.Size+2*quiet)
					}
					for x, cell := range cells {
						for half, drawn := range []bool{cell == '█' || cell == '▀', cell == '█' || cell == '▄'} {
							// Black ink draws dark modules, a light foreground light ones.
							if dark := drawn == color; dark != want.Black(x-quiet, 2*i+half-quiet) {
								t.Fatalf("%s, color %v: module %d,%d", text, color, x-quiet, 2*i+half-quiet)
							}
						}
					}
				}
			}
		}
	}
}

// No code is better than a part of one, or than one that nobody sees.
func TestNoQR(t *testing.T) {
	const text = "https://a.example/d" // 25 modules
	full := Style{Color: true, Cursor: true, UTF8: true}
	for _, c := range []struct {
		name          string
		style         Style
		columns, rows int
		drawn         bool
	}{
		{"fits", full, 31, 15, true},
		{"too narrow", full, 30, 15, false},
		{"too low", full, 31, 14, false},
		{"no UTF-8", Style{Color: true, Cursor: true}, 80, 50, false},
		{"dumb, or a screen reader", Style{Color: true, UTF8: true}, 80, 50, false},
		{"no rows at all", full, 80, -5, false},
	} {
		if got := qrLines(text, c.style, c.columns, c.rows) != nil; got != c.drawn {
			t.Errorf("%s: drawn %v", c.name, got)
		}
	}
	if qrLines(strings.Repeat("x", 5000), full, 1000, 1000) != nil {
		t.Error("a text that no QR code holds")
	}
}
