# What a program with Kubernetes' client for Python does: prints three times who it
# is at the API server, the last time so many seconds later.
import sys
import time

from kubernetes import client, config

config.load_kube_config()
api = client.ApiClient()
for i in range(3):
    if i == 2:
        time.sleep(float(sys.argv[1]))
    try:
        review = api.call_api(
            '/apis/authentication.k8s.io/v1/selfsubjectreviews', 'POST',
            header_params={'Content-Type': 'application/json'}, body={},
            auth_settings=['BearerToken'], response_type='object', _return_http_data_only=True)
        print(review['status']['userInfo']['username'])
    except client.ApiException as e:
        print('error', e.status, e.reason)
