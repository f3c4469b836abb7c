-- Health of a ModelDeployment, RoutingPolicy or CacheTier from its kstatus conditions.
local found = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    found[condition.type] = condition
  end
end
local function says(kind)
  return found[kind] ~= nil and found[kind].status == "True"
end
if obj.spec.suspend == true or says("Suspended") then
  return {status = "Suspended", message = "suspended"}
end
if found.Ready == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "waiting for the operator"}
end
if says("Stalled") then
  return {status = "Degraded", message = found.Stalled.message}
end
if says("Reconciling") or not says("Ready") then
  return {status = "Progressing", message = found.Ready.message}
end
return {status = "Healthy", message = found.Ready.message}
