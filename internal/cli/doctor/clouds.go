package doctor

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/sso-exec/sso-exec/internal/edit/awsconfig"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// checkAWS tells which profiles of the AWS config call us, and what wins over that.
func checkAWS(ctx context.Context, d *doctor) (f found) {
	home, err := userfile.Home()
	if err != nil {
		return f
	}
	at := d.tool(ctx, "aws")
	path := awsconfig.ConfigPath(os.LookupEnv, home)
	config := string(f.read(path))
	credentials := string(f.read(awsconfig.CredentialsPath(os.LookupEnv, home)))
	if at == "" && config == "" {
		return f
	}
	if at != "" {
		f.add(pass, at)
	}
	if bad := awsconfig.Unread(config); bad != nil {
		f.add(warning, fmt.Sprintf("the AWS CLI cannot read %s: %v", path, bad))
		f.fix("correct that line", "")
	}
	var ours []string
	for _, m := range regexp.MustCompile(`(?m)^\[\s*(?:profile\s+)?([^\]]+?)\s*\]`).FindAllStringSubmatch(config, -1) {
		name := strings.Trim(m[1], `"'`)
		process, ok := awsconfig.Get(config, name, "credential_process")
		words := strings.Fields(process)
		if !ok || len(words) == 0 || !isUs(strings.Trim(words[0], `"'`)) {
			continue
		}
		ours = append(ours, name)
		f.runs(strings.Trim(words[0], `"'`), "sso-exec setup aws --aws-profile "+talk.Quote(name))
	}
	if len(ours) == 0 {
		f.setupHint(d, settings.ToolAWS)
		return f
	}
	f.add(pass, "calls sso-exec for "+strings.Join(ours, ", "))
	told := map[string]bool{}
	for _, name := range ours {
		for _, c := range awsconfig.Conflicts(config, credentials, name, os.Getenv) {
			if told[c.Text] {
				continue
			}
			told[c.Text] = true
			f.add(warning, c.Text)
			switch c.In {
			case awsconfig.InEnvironment:
				f.fix("", "unset "+c.Key)
			case awsconfig.InConfig:
				f.fix(fmt.Sprintf("take %s out of %s, line %d", c.Key, path, c.Line), "")
			case awsconfig.InCredentials:
				f.fix(fmt.Sprintf("take %s out of %s, line %d", c.Key, awsconfig.CredentialsPath(os.LookupEnv, home), c.Line), "")
			}
		}
	}
	return f
}

// checkTerraform tells whether Terraform has us as its helper, and what wins over that.
func checkTerraform(ctx context.Context, d *doctor) (f found) {
	at := d.tool(ctx, "terraform")
	path := os.Getenv("TF_CLI_CONFIG_FILE")
	if path == "" {
		path = below(".terraformrc")
	}
	text := f.read(path)
	if at == "" && len(text) == 0 {
		return f
	}
	if at != "" {
		f.add(pass, at)
	}
	block := regexp.MustCompile(`(?mi)^\s*(credentials_helper|credentials)\s+"([^"]+)"\s*\{`)
	helper := ""
	var fixed []string
	for _, m := range block.FindAllSubmatch(text, -1) {
		if strings.EqualFold(string(m[1]), "credentials") {
			fixed = append(fixed, string(m[2]))
		} else {
			helper = string(m[2])
		}
	}
	list, _ := d.hosts()
	switch helper {
	case "sso-exec":
		f.add(pass, "calls sso-exec for "+orNone(list))
	case "":
		f.setupHint(d, settings.ToolTerraform)
		return f
	default:
		f.add(pass, "calls another helper: "+helper)
		return f
	}
	for _, host := range fixed {
		if names(list, host) {
			f.add(warning, fmt.Sprintf("%s has a token of its own for %s, which is used first", path, host))
			f.fix(fmt.Sprintf("take the block credentials %q out", host), "")
		}
	}
	for _, host := range list {
		f.variable("TF_TOKEN_"+strings.ReplaceAll(strings.ReplaceAll(host, "-", "__"), ".", "_"),
			"Terraform uses that token for "+host)
	}
	return f
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "no host: no profile names any"
	}
	return strings.Join(list, ", ")
}
