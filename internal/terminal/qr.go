package terminal

import (
	"strings"

	"rsc.io/qr/coding"
)

// SGR parameters (ECMA-48 §8.3.117).
const (
	sgrBold         = "1"
	sgrBlackOnWhite = "30;47"
)

// A code is a QR code (ISO/IEC 18004) of the lowest level of correction, since
// a screen is neither torn nor stained and every column counts. Mask 0 is used
// throughout: decoders take any.
func code(text string) *coding.Code {
	enc := coding.String(text)
	for v := coding.Version(coding.MinVersion); v <= coding.MaxVersion; v++ {
		if enc.Bits(v) > v.DataBytes(coding.L)*8 {
			continue
		}
		plan, err := coding.NewPlan(v, coding.L, 0)
		if err != nil {
			return nil
		}
		c, err := plan.Encode(enc)
		if err != nil {
			return nil
		}
		return c
	}
	return nil
}

// qrLines draws a QR code for text, two modules in each character, if it fits:
// four light modules around it, as the standard has it, or at least two, which
// scanners are content with. Where there is no colour the terminal is taken to
// be light on dark.
func qrLines(text string, style Style, columns, rows int) []line {
	if !style.UTF8 || !style.Cursor {
		return nil // no half blocks, or somebody who listens to the screen
	}
	c := code(text)
	if c == nil {
		return nil
	}
	for _, quiet := range []int{4, 2} {
		if side := c.Size + 2*quiet; indent+side <= columns && (side+1)/2 <= rows {
			return draw(c, quiet, style.Color)
		}
	}
	return nil
}

func draw(c *coding.Code, quiet int, color bool) []line {
	// Drawn is what the foreground colour covers: dark modules where that is
	// black, light ones where it is what the terminal writes with.
	drawn := func(x, y int) bool { return c.Black(x, y) == color }
	sgr := ""
	if color {
		sgr = sgrBlackOnWhite
	}
	var lines []line
	for y := -quiet; y < c.Size+quiet; y += 2 {
		var b strings.Builder
		for x := -quiet; x < c.Size+quiet; x++ {
			switch upper, lower := drawn(x, y), drawn(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteRune(' ')
			}
		}
		lines = append(lines, line{indent: strings.Repeat(" ", indent), text: b.String(), sgr: sgr})
	}
	return lines
}
