package hosted

// standIns adds the hosts of a provider to a world, by the name of its dialect.
var standIns = map[string]func(*World){
	"okta": openOkta, "entra": openEntra, "aks": openAKS, "google-sts": openGoogleSTS, "google": openGoogle,
	"auth0": openAuth0, "keycloak": openKeycloak,
	"dex": openDex, "pingone": openPingOne, "cognito": openCognito, "gitlab": openGitLab,
}
