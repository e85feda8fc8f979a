"""The GitOps engine on Argo CD: its REST API for applications, the cluster's for the rest."""
