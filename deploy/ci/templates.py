#!/usr/bin/env python3
"""Writes the templates for GitLab and Azure DevOps, which hold doorward.sh: neither brings files of its own to a job.

Without arguments it says whether they are as they should be; `--write` writes them.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

HEAD = "# Written by templates.py from doorward.sh: change these, not this.\n"

GITLAB = """\
#
#   include:
#     - project: contoso/doorward          # a copy of this repository, or of this file
#       ref: <the full hash of a commit>
#       file: deploy/ci/gitlab.yml
#       inputs: { url: https://doorward.contoso.com, registry: contosoprod.azurecr.io }
#
#   push:
#     extends: .doorward
#     script:
#       - sh "$DOORWARD_SH" docker push contosoprod.azurecr.io/prod/api:v1
#
# doorward's source: auth: { kind: ci_token, provider: gitlab, audience: https://doorward.contoso.com,
# claims: { namespace_path: contoso } }
spec:
  inputs:
    url:
      description: Where doorward is, such as https://doorward.contoso.com
    registry:
      description: The registry's login server
    source:
      description: The source of doorward's configuration that hears these jobs
      default: gitlab
    timeout:
      description: How long to wait for an opening, in seconds
      default: "300"
---
.doorward:
  id_tokens:
    DOORWARD_TOKEN:
      aud: $[[ inputs.url ]]
  variables:
    DOORWARD_URL: $[[ inputs.url ]]
    DOORWARD_SOURCE: $[[ inputs.source ]]
    DOORWARD_REGISTRY: $[[ inputs.registry ]]
    DOORWARD_TIMEOUT: $[[ inputs.timeout ]]
    DOORWARD_SH: $CI_PROJECT_DIR.tmp/doorward.sh # where the runner keeps its own files, beside the checkout
  before_script:
    - |
      mkdir -p "${DOORWARD_SH%/*}"
      cat >"$DOORWARD_SH" <<'END_OF_DOORWARD_SH'
%s
      END_OF_DOORWARD_SH
"""

AZURE = """\
#
#   resources:
#     repositories:
#       - { repository: doorward, type: git, name: doorward, ref: refs/tags/v0.1.0 }
#   steps:
#     - template: deploy/ci/azure-pipelines.yml@doorward
#       parameters:
#         url: https://doorward.contoso.com
#         registry: contosoprod.azurecr.io
#         script: docker push contosoprod.azurecr.io/prod/api:v1
#
# doorward's source: auth: { kind: ci_token, provider: azure_devops, audience: api://AzureADTokenExchange,
# issuer: https://vstoken.dev.azure.com/<organisation id>, claims: { sub: "p://contoso/project/pipeline" } }.
# The audience is Azure DevOps' choice. With a service connection the subject begins with sc://.
parameters:
  - name: url
    type: string
  - name: registry
    type: string
  - name: script
    type: string
  - name: source
    type: string
    default: azure-devops
  - name: serviceConnectionId
    type: string
    default: ""
  - name: timeout
    type: string
    default: "300"
  - name: displayName
    type: string
    default: A step that a registry's firewall may refuse

steps:
  - bash: |
      cat >"$AGENT_TEMPDIRECTORY/doorward.sh" <<'END_OF_DOORWARD_SH'
%s
      END_OF_DOORWARD_SH
      sh "$AGENT_TEMPDIRECTORY/doorward.sh" bash -ec "$DOORWARD_STEP"
    displayName: ${{ parameters.displayName }}
    env:
      DOORWARD_STEP: ${{ parameters.script }}
      DOORWARD_URL: ${{ parameters.url }}
      DOORWARD_SOURCE: ${{ parameters.source }}
      DOORWARD_REGISTRY: ${{ parameters.registry }}
      DOORWARD_CONNECTION: ${{ parameters.serviceConnectionId }}
      DOORWARD_TIMEOUT: ${{ parameters.timeout }}
      SYSTEM_ACCESSTOKEN: $(System.AccessToken)
"""


def embedded():
    lines = (HERE / "doorward.sh").read_text().rstrip("\n").split("\n")
    return "\n".join(f"      {line}".rstrip() for line in lines)


def main():
    wrong = []
    for name, template in (("gitlab.yml", GITLAB), ("azure-pipelines.yml", AZURE)):
        text, file = HEAD + template.replace("%s", embedded()), HERE / name
        if sys.argv[1:] == ["--write"]:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            wrong.append(name)
    print(f"run deploy/ci/templates.py --write: {', '.join(wrong)} differ" if wrong else "the templates hold doorward.sh")
    sys.exit(1 if wrong else 0)


main()
