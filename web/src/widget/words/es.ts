import type { Words } from "./words.ts";

export const es: Words = {
  delivery: {
    sending: "Enviando",
    stored: "Enviado",
    delivered: "Entregado",
    read: "Leído",
    failed: "No enviado",
  },
  marks: {
    waiting: "Todavía no se puede abrir",
    gap: "Falta un mensaje antes de este",
    conflicting: "Dos mensajes reclaman este lugar",
    unreadable: "No se pudo abrir este mensaje",
    "removed-device": "De un dispositivo retirado, sin verificar",
    "beginning-missing": "Falta el comienzo de esta conversación",
  },
  markWaits: "Su clave aún no ha llegado. Se conserva y aparecerá con ella.",
  markDamaged: "Se dañó o no era para usted. Pida que se lo escriban de nuevo.",
  markAlarming:
    "Algo fue retenido o cambiado por el camino. No se fíe y pregunte por otra vía.",
  send: "Enviar",
  loading: "Cargando",
  latest: "Último mensaje",
  safetyNumber: "Número de seguridad",
  tooLong: "Sobran # bytes. Envíelo por partes.",
  notKept:
    "En este dispositivo no hay espacio para guardar el mensaje; no se envió.",

  launcher: "Chatear con {}",
  unread: "Mensajes sin leer",
  close: "Cerrar el chat",
  back: "Volver",
  menu: "Más",
  lock: "Solo usted y {} pueden leer esto",
  halted: "Desde aquí no se envía nada",
  greeting: "Hola, ¿en qué podemos ayudarle? Aquí encontrará la respuesta.",
  conversation: "Conversación",
  placeholder: "Escriba un mensaje",
  you: "Usted",
  typing: "{} está escribiendo",
  offline: "Esperando una conexión.",
  kept: "Su mensaje está guardado en este dispositivo.",
  ending: "Este chat no se ha renovado. Es posible que pronto deje de funcionar.",
  closed: "Esta conversación está cerrada. Escriba para abrirla de nuevo.",
  deleted: "Esta conversación está eliminada.",
  anew: "Un mensaje nuevo comienza otra.",
  storageFailed:
    "Este navegador no deja guardar nada, así que el chat no puede usarse aquí. A menudo se debe a una ventana privada.",

  safetyTitle: "Privado, y cómo comprobarlo",
  safetyHow:
    "Sus mensajes se cierran con llave en este dispositivo, y solo {} tiene la clave. El servicio que los transporta no puede leerlos.",
  safetyCompare:
    "Compare este número con {}, por ejemplo por teléfono. Si ambos ven el mismo, no hay nadie en medio.",
  safetyLater: "Aparecerá aquí cuando haya escrito.",

  sound: "Sonido",
  copy: "Guardar una copia",
  end: "Terminar y eliminar",
  endText:
    "Todos los mensajes se borran de este dispositivo y del servicio. Lo que {} ya ha recibido permanece allí.",
  endYes: "Eliminar todo",
  endNo: "Conservar la conversación",

  unverified: "No se pudo verificar el chat de este sitio; no se envió nada.",
  unavailable: "Este chat no está disponible; no se envió nada.",
  conflict: "Esta conversación no concuerda; no se envía nada más.",
  checkCode: "Pida al propietario que revise el código de chat de esta página.",
  otherWay: "Contacte con el propietario por otra vía, como el teléfono.",
  reload: "Recargue la página e inténtelo de nuevo.",
};
