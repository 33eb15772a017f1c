#!/bin/sh
# Makes what a template cannot: the Entra application that stands for doorward, and the roles by which Azure's senders may
# ask for its tokens. It may be run again: what is there stays. Needs az, signed in by somebody who may register
# applications and assign their roles (Application Administrator).
#
#   deploy/azure/entra.sh [NAME]        the application's name; doorward unless said
#
# Needed for `feed = 'alert'` and for `resourceChanges`, not for azure_logs, event_hub and CI jobs.
set -eu
name=${1:-doorward}

say() { printf '%s\n' "$*" >&2; }
graph=https://graph.microsoft.com/v1.0

# Who sends: the name of the role that Azure looks for, the role's id within the application, the sender's application.
senders='ActionGroupsSecureWebhook 6f1b7c1e-3a55-4a0e-9a52-0f4e6a6f0d01 461e8683-5575-4561-ac7f-899cc907d62a
AzureEventGridSecureWebhookSubscriber 6f1b7c1e-3a55-4a0e-9a52-0f4e6a6f0d02 4962773b-9cdb-44cf-a8bf-237846a00ab7'

application=$(az ad app list --filter "displayName eq '$name'" --query '[].appId' --output tsv)
case $application in
*[!-0-9a-f]*) say "there are several applications called $name: name another" && exit 1 ;;
'')
    application=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
    say "made the application $name"
    ;;
esac
uri="api://$application"
if [ -z "$(az ad app show --id "$application" --query "identifierUris[?@=='$uri']" --output tsv)" ]; then
    az ad app update --id "$application" --identifier-uris "$uri"
    say "named it $uri"
fi

# All roles are written at once, so those that are there are taken along.
roles=$(az ad app show --id "$application" --query appRoles --output json)
wanted=$(printf '%s\n' "$senders" | ROLES=$roles python3 -c '
import json, os, sys
roles = json.loads(os.environ["ROLES"])
there = {role["value"] for role in roles}
missing = [line.split()[:2] for line in sys.stdin if line.split()[0] not in there]
roles += [{"id": id, "value": value, "displayName": value, "description": "May post to doorward.", "isEnabled": True,
           "allowedMemberTypes": ["Application"]} for value, id in missing]
print(json.dumps(roles) if missing else "")')
if [ -n "$wanted" ]; then
    az ad app update --id "$application" --app-roles "$wanted"
    say "gave it the senders' roles"
fi

# The service principal of application $1, made if there is none.
principal() {
    az ad sp show --id "$1" --query id --output tsv 2>/dev/null || az ad sp create --id "$1" --query id --output tsv
}
own=$(principal "$application")
printf '%s\n' "$senders" | while read -r role _ sender; do
    role_id=$(az ad app show --id "$application" --query "appRoles[?value=='$role'].id | [0]" --output tsv)
    sender_id=$(principal "$sender")
    assigned=$(az rest --method get --url "$graph/servicePrincipals/$own/appRoleAssignedTo" \
        --query "value[?principalId=='$sender_id' && appRoleId=='$role_id'].id | [0]" --output tsv)
    if [ -z "$assigned" ]; then
        az rest --method post --url "$graph/servicePrincipals/$own/appRoleAssignedTo" --output none \
            --body "{\"principalId\":\"$sender_id\",\"resourceId\":\"$own\",\"appRoleId\":\"$role_id\"}"
        say "assigned $role"
    fi
done

tenant=$(az account show --query tenantId --output tsv)
object=$(az ad app show --id "$application" --query id --output tsv)
cat <<END
// For main.bicepparam:
param application = {
  tenantId: '$tenant'
  objectId: '$object'
  identifierUri: '$uri'
}
# For doorward.yaml, in \`sources\`:
#  - name: alerts
#    auth: { kind: entra_token, tenant_id: $tenant, audience: $application, app_id: action_group }
#    trust_status_403: true     # read docs/azure.md first
#  - name: changes
#    auth: { kind: entra_token, tenant_id: $tenant, audience: $application, app_id: event_grid }
#    trust_status_403: false
END
