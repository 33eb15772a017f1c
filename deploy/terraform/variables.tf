variable "registry_id" {
  type        = string
  description = "ARM id of the registry. It must be Premium: no other has a firewall."
}

variable "resource_group_name" {
  type        = string
  description = "The resource group for what is made here. It must exist."
}

variable "feed" {
  type        = string
  default     = "azure_logs"
  description = "How denials arrive: azure_logs (doorward reads the workspace through the registry), alert (a log alert posts to doorward), event_hub."

  validation {
    condition     = contains(["azure_logs", "alert", "event_hub"], var.feed)
    error_message = "The feed is azure_logs, alert or event_hub."
  }
}

variable "workspace_id" {
  type        = string
  default     = null
  description = "ARM id of the Log Analytics workspace for the registry's logs. Not needed for event_hub."
}

variable "create_diagnostic_setting" {
  type        = bool
  default     = true
  description = "Set to false where the registry's logs go to that workspace already."
}

variable "host" {
  type        = string
  default     = "container_app"
  description = "container_app: here, with PostgreSQL, since Container Apps have no disk that SQLite works on. none: elsewhere; an identity is made for it."

  validation {
    condition     = contains(["container_app", "none"], var.host)
    error_message = "The host is container_app or none."
  }
}

variable "image" {
  type        = string
  default     = ""
  description = "The image, by digest. Not in the registry that doorward guards: it could not be pulled when it is needed."
}

variable "configuration" {
  type        = string
  default     = ""
  description = "doorward.yaml, without secrets: file(\"../azure/doorward.yaml\")."
}

variable "policy" {
  type        = string
  default     = "version: 1\ndefault: ask\n"
  description = "The policy: file(\"../azure/policy.yaml\")."
}

variable "link_key" {
  type        = string
  default     = ""
  sensitive   = true
  description = "Signs approval links: openssl rand -base64 32. It stands in Terraform's state: keep that where nobody else reads it."
}

variable "database_password" {
  type        = string
  default     = ""
  sensitive   = true
  description = "Password of doorward's role in PostgreSQL, of letters and digits: openssl rand -hex 24. It stands in Terraform's state."
}

variable "replicas" {
  type        = number
  default     = 2
  description = "How many replicas. They share the database."
}

variable "doorward_url" {
  type        = string
  default     = ""
  description = "Where senders and people reach doorward, without a slash at the end. Empty: the container app's own address."
}

variable "resource_changes" {
  type        = bool
  default     = false
  description = "Tell doorward when somebody changes the registry, by Event Grid. Only once doorward answers at its address."
}

variable "sets" {
  type        = set(string)
  default     = []
  description = "The kinds of address sets that policies name. Each brings the reads it needs, and no others."

  validation {
    condition = length(setsubtract(var.sets, [
      "public_ip", "nat_gateway", "subnet", "agent_pool", "azure_firewall", "aks_egress", "app_service_egress",
      "container_app_egress", "service_tag",
    ])) == 0
    error_message = "A kind of set is not known."
  }
}

variable "set_resource_group_ids" {
  type        = set(string)
  default     = []
  description = "ARM ids of the resource groups that hold the resources of these sets."
}
