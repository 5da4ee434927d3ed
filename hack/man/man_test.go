package man

import (
	"strings"
	"testing"
)

// Nothing in a text is taken for a request, and what is pasted into a shell
// stays ASCII.
func TestEscapes(t *testing.T) {
	page := string(Page{
		Name: "x-y", Short: "a -b 'c'", Source: `v"1`, Synopsis: "x y [--flag]",
		Sections: []Section{{
			Heading: "description", Text: ".so /etc/passwd\nmore\n\n'tis\n  .verbatim ~ `x`\nend",
			Verbatim: "\n.de\n  back\\slash\n",
			Groups:   []Group{{"Which one", [][2]string{{"-v, --verbose", ".TH\n'more"}}}},
		}},
		SeeAlso: []string{"x", "x-z"},
	}.Bytes())
	want := `.TH "X\-Y" 1 "" "v\(dq1" "User Commands"
.nh
.ad l
.SH NAME
x\-y \- a \-b \(aqc\(aq
.SH SYNOPSIS
.B x y [\-\-flag]
.SH DESCRIPTION
\&.so /etc/passwd
more
.PP
\(aqtis
.PP
.nf
  .verbatim \(ti \(gax\(ga
.fi
end
.PP
.nf
\&.de
  back\eslash
.fi
.SS Which one
.TP
.B \-v, \-\-verbose
\&.TH \(aqmore
.SH SEE ALSO
.BR x (1) ,
.BR x\-z (1)
`
	if page != want {
		t.Errorf("%s\nwant:\n%s", page, want)
	}
	if strings.Contains(page, "\n\n") {
		t.Error("an empty line")
	}
}
